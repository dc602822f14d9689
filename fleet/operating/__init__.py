"""The process that watches a fleet: its status over HTTP, gauges that no service can know, dead letters sent again.

It keeps no state and takes no part in the chain: killed, it is started again, and nothing else notices.
"""
