"""The read-only status page and the metrics over HTTP.

`sources` what is read of the rest; `view`, `words`, `ladder`, `history` make it readable (pure); `board` keeps what is
shown; `server` serves it. Whoever imports `server` loads aiohttp: only a daemon whose config has a `web` section does.
"""
