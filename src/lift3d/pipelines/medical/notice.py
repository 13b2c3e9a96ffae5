"""What every output of a medical volume states."""

NOTICE = "This is not a medical device: do not decide on a diagnosis or a treatment by it."
