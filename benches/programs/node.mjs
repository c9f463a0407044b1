// Peer: Node's `ws`. node node.mjs PORT; frames come length-prefixed on PORT + 1000.
import { createRequire } from 'node:module';
import net from 'node:net';

const { WebSocketServer } = createRequire(process.env.WS_FROM)('ws');
const port = Number(process.argv[2]);
const sockets = new Map();
const server = new WebSocketServer({ port, host: '127.0.0.1', perMessageDeflate: false, backlog: 4096 });
server.on('connection', (socket, request) => {
  const account = Number(request.url.slice(4));
  sockets.set(account, socket);
  socket.on('close', () => sockets.delete(account));
  socket.on('error', () => {});
});
net.createServer((publisher) => {
  let rest = null;
  publisher.on('data', (data) => {
    if (rest) data = Buffer.concat([rest, data]);
    let at = 0;
    while (data.length - at >= 8) {
      const size = data.readUInt32LE(at);
      if (data.length - at < 8 + size) break;
      sockets.get(data.readUInt32LE(at + 4)).send(data.subarray(at + 8, at + 8 + size), { binary: false });
      at += 8 + size;
    }
    rest = at < data.length ? data.subarray(at) : null;
  });
  publisher.on('error', () => {});
}).listen(port + 1000, '127.0.0.1');
