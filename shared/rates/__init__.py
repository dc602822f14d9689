"""Where exchange rates come from: files of the European Central Bank, and the snapshot that all price workers share."""
