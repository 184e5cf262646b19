"""The web application: configuration, database, words, and every blueprint, one line each."""

from pathlib import Path

from apiflask import APIFlask
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from fablab.core.app import PACKAGE, babel, init_core
from fablab.core.config import Config
from fablab.devices import api as devices_api
from fablab.pages import api as pages_api
from fablab.pages import api_resources as status_api
from fablab.pages import hub, streams
from fablab.pages import routes as pages_routes
from fablab.people import routes as people_routes
from fablab.reservations import api as reservations_api
from fablab.resources import api as resources_api
from fablab.resources import routes as resources_routes
from fablab.usage import api as usage_api
from fablab.web import access, api, api_docs, assets, csrf, errors, headers, locale, names, navigation, pages

MAX_FORM = 10 * 1024 * 1024


def create_app(config: Config) -> APIFlask:
    """The whole web application for this configuration. Raises ConfigError."""
    app = APIFlask(
        "fablab",
        root_path=str(PACKAGE),
        title="Fablab",
        version="1",
        docs_path=None,
        spec_path="/api/v1/openapi.json",
        json_errors=False,
        template_folder=str(templates_folder()),
    )
    init_core(app, config)
    app.jinja_env.undefined = StrictUndefined
    secure = config.web.base_url.startswith("https://")
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        MAX_CONTENT_LENGTH=MAX_FORM,
        SESSION_COOKIE_NAME="__Host-fablab" if secure else "fablab",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    if config.web.trusted_proxies:
        count = config.web.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0)  # type: ignore[method-assign]  # Flask documents this
    locale.init_app(app, babel)
    errors.init_app(app)
    pages.init_app(app)
    assets.init_app(app)
    names.init_app(app)
    navigation.init_app(app)
    access.init_app(app)
    csrf.init_app(app)
    api.init_app(app)
    api_docs.init_app(app)
    headers.init_app(app)
    people_routes.init_app(app)
    hub.init_app(app)
    streams.init_app(app)
    app.register_blueprint(pages_routes.blueprint)
    app.register_blueprint(resources_routes.blueprint)
    app.register_blueprint(resources_api.blueprint)
    app.register_blueprint(reservations_api.blueprint)
    app.register_blueprint(usage_api.blueprint)
    app.register_blueprint(devices_api.blueprint)
    app.register_blueprint(status_api.blueprint)
    app.register_blueprint(pages_api.blueprint)
    return app


def templates_folder() -> Path:
    """The templates: inside the package when installed from a wheel, beside it in a checkout."""
    packaged = PACKAGE / "templates"
    return packaged if packaged.is_dir() else PACKAGE.parent / "templates"
