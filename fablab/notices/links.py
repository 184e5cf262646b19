"""Addresses of the lab's pages for mails and calendars: from the configuration, never from a request."""

from fablab.core.words import config


def base() -> str:
    """The lab's address without a final slash: `web.base_url`, else where the web server listens."""
    web = config().web
    if web.base_url:
        return web.base_url
    host = "localhost" if web.host in {"0.0.0.0", "::", "127.0.0.1", "::1"} else web.host
    return f"http://[{host}]:{web.port}" if ":" in host else f"http://{host}:{web.port}"


def absolute(path: str) -> str:
    """The whole address of a page. Raises ValueError for what is no path of ours."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path:
        raise ValueError(f"{path!r} is no path of the lab")
    return base() + path


def domain() -> str:
    """The name after the @ of identifiers: that of the lab's address."""
    return base().partition("://")[2].partition(":")[0].strip("[]") or "localhost"
