"""One small company a reason code: what went wrong, and the one break with figures and sentence that it must come to."""
