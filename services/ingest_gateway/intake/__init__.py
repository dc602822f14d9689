"""Fares in, from whoever has them: gathered, validated, and given to the broker or kept in the spool.

In the order of the flow: `intake` is what callers see, `collector` puts small calls together, `batches` makes of rows
what can be sent (pure), `delivering` finds a place for it: `outlet` leads to the broker, `spool` to the accounts
database, from which `relay` brings to the broker what lies there.
"""
