"""The travel APIs: one module each, with what to send, what the answers hold, and what the refusals ask for. Pure."""
