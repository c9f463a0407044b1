"""An exchange on the laptop, to test bots against."""
