"""How RocksDB is set up: memory within bounds, few files, and nothing unchecked.

Write buffers 3 x 16 MiB, cached blocks 32 MiB, indexes and filters of 128 tables of 32 MiB (some
0.3 MiB each); on disk the log takes 64 MiB at most.
"""

from __future__ import annotations

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    ChecksumType,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    ReadOptions,
    WriteOptions,
)

WRITE_BUFFER = 16 << 20
_CACHE = 32 << 20
_MIB = 1 << 20
_STOP = 36  # tables not yet merged into the first level


def database_options(write_buffer: int) -> Options:
    """Options for a database whose write buffers have that many bytes."""
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_paranoid_checks(True)
    # Not tolerate_corrupted_tail_records: it refuses what a power cut really leaves (a file that
    # was made longer than its data, so zeros at its end), and passes over a flipped length in the
    # last 32 KiB anyway. absolute_consistency refuses every kill. This one opens whatever is a
    # prefix; whether the prefix is long enough is checked before, in RocksStore.
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
    options.set_recycle_log_file_num(0)  # else old records lie behind the last new one
    options.set_max_total_wal_size(4 * write_buffer)
    options.set_write_buffer_size(write_buffer)
    options.set_max_write_buffer_number(3)
    options.set_target_file_size_base(32 * _MIB)
    options.set_max_bytes_for_level_base(128 * _MIB)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_bytes_per_sync(_MIB)
    options.set_max_background_jobs(2)
    # No slowing down before a stop: with no_slowdown both look the same.
    options.set_level_zero_slowdown_writes_trigger(_STOP)
    options.set_level_zero_stop_writes_trigger(_STOP)
    options.set_soft_pending_compaction_bytes_limit(0)
    options.set_hard_pending_compaction_bytes_limit(0)
    # Retention deletes whole runs of keys; without this a scan walks over what they leave behind.
    options.add_compact_on_deletion_collector_factory(4096, 2048, 0.5)
    options.set_block_based_table_factory(_tables())
    _keep_small(options)
    return options


def _tables() -> BlockBasedOptions:
    tables = BlockBasedOptions()
    tables.set_block_cache(Cache(_CACHE))
    # In the cache they would fall out of its shards, and each get would unpack one: 150 us, not 10.
    tables.set_cache_index_and_filter_blocks(False)
    tables.set_bloom_filter(10, False)
    tables.set_format_version(5)
    tables.set_block_size(8 << 10)
    tables.set_checksum_type(ChecksumType.xxh3())
    return tables


def _keep_small(options: Options) -> None:
    options.set_max_open_files(128)
    options.set_skip_stats_update_on_db_open(True)  # else an open reads from every table
    options.set_max_manifest_file_size(256 << 10)  # each open checks it byte for byte
    options.set_manifest_preallocation_size(64 << 10)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(_MIB)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)


def read_options() -> ReadOptions:
    """Options that check every block that is read."""
    options = ReadOptions()
    options.set_verify_checksums(True)
    return options


def write_options(*, synced: bool) -> WriteOptions:
    """Options that sync the log before a write returns, or leave that to the system."""
    options = WriteOptions()
    options.sync = synced
    options.no_slowdown = True  # RocksStore waits instead: it notices when that would be for ever
    return options


def access(for_reading: bool) -> AccessType:
    """To read means to recover in memory, and to change nothing but RocksDB's own diary."""
    return AccessType.read_only(False) if for_reading else AccessType.read_write()
