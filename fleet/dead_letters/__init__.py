"""Dead letters: what lies there and why, and what brings it back.

`letters` is what one says, `selection` which are meant, `rounds` goes through them; `contents` shows a body as a person
reads it. `tallying`, `reading`, `exporting`, `replaying` and `discarding` are what the command does; `redriving` is
done by itself.
"""
