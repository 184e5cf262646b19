"""The web application: configuration, database, words, and every blueprint, one line each."""

from pathlib import Path

from apiflask import APIFlask
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from fablab.certifications import api as certifications_api
from fablab.certifications import (
    api_grants,
    api_requirements,
    routes_importing,
    routes_overview,
    routes_requirements,
)
from fablab.certifications import routes as certifications_routes
from fablab.core.app import PACKAGE, babel, init_core
from fablab.core.config import Config
from fablab.credentials import routes as credentials_routes
from fablab.devices import api as devices_api
from fablab.devices import routes as devices_routes
from fablab.interlock import api as interlock_api
from fablab.interlock import routes as interlock_routes
from fablab.notices import routes as notices_routes
from fablab.pages import api as pages_api
from fablab.pages import api_resources as status_api
from fablab.pages import (
    drawing,
    hub,
    routes_equipment,
    routes_label,
    routes_passport,
    routes_path,
    routes_resources,
    streams,
    upcoming,
)
from fablab.pages import people as person_routes
from fablab.pages import routes as pages_routes
from fablab.people import api as people_api
from fablab.people import leaving
from fablab.people import routes as people_routes
from fablab.quizzes import api as quizzes_api
from fablab.quizzes import routes as quizzes_routes
from fablab.quizzes import routes_bank
from fablab.reservations import api as reservations_api
from fablab.reservations import (
    api_actions,
    api_calendar,
    api_closures,
    api_lets,
    api_policies,
    api_series,
    api_slots,
    api_waiting,
    calendar_feed,
    routes_agenda,
    routes_calendar,
    routes_closures,
    routes_policies,
    routes_series,
    routes_timeline,
    routes_waiting,
)
from fablab.reservations import leaving as reservations_leaving
from fablab.reservations import routes as reservations_routes
from fablab.resources import api as resources_api
from fablab.resources import routes as resources_routes
from fablab.training import api as training_api
from fablab.training import calendar as training_calendar
from fablab.training import leaving as training_leaving
from fablab.training import routes as training_routes
from fablab.training import routes_remedy
from fablab.usage import api as usage_api
from fablab.usage import routes as usage_routes
from fablab.web import access, api, api_docs, assets, csrf, errors, headers, locale, names, navigation, pages, remedies

MAX_FORM = 10 * 1024 * 1024

BLUEPRINTS = (
    pages_routes.blueprint,
    resources_routes.blueprint,
    routes_resources.blueprint,
    routes_equipment.blueprint,
    routes_label.blueprint,
    routes_passport.blueprint,
    routes_path.blueprint,
    reservations_routes.blueprint,
    usage_routes.blueprint,
    devices_routes.blueprint,
    resources_api.blueprint,
    reservations_api.blueprint,
    api_slots.blueprint,
    api_waiting.blueprint,
    api_series.blueprint,
    routes_series.blueprint,
    routes_waiting.blueprint,
    api_policies.blueprint,
    routes_policies.blueprint,
    routes_closures.blueprint,
    api_closures.blueprint,
    usage_api.blueprint,
    interlock_api.blueprint,
    interlock_routes.blueprint,
    devices_api.blueprint,
    status_api.blueprint,
    pages_api.blueprint,
    notices_routes.blueprint,
    routes_calendar.blueprint,
    routes_timeline.blueprint,
    routes_agenda.blueprint,
    api_calendar.blueprint,
    api_actions.blueprint,
    api_lets.blueprint,
    credentials_routes.blueprint,
    routes_overview.blueprint,
    quizzes_routes.blueprint,
    routes_bank.blueprint,
    quizzes_api.blueprint,
    training_api.blueprint,
    training_routes.blueprint,
    api_grants.blueprint,
    api_requirements.blueprint,
    routes_requirements.blueprint,
    routes_importing.blueprint,
)
"""Pages and REST of every package, one line each."""


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
    _configure(app, config)
    if config.web.trusted_proxies:
        count = config.web.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0)  # type: ignore[method-assign]  # Flask documents this
    locale.init_app(app, babel)
    for part in (errors, pages, assets, names, navigation, access, csrf, api, api_docs, headers, people_routes):
        part.init_app(app)
    credentials_routes.init_app(app)
    remedies.next_trainings_from(app, routes_remedy.next_training)
    leaving.also(training_leaving.lock)  # locks come before anything that is written
    leaving.also(reservations_leaving.forget)
    leaving.also(training_leaving.forget)
    calendar_feed.also(training_calendar.own_events)
    app.register_blueprint(people_api.blueprint)
    app.register_blueprint(certifications_routes.blueprint)
    app.register_blueprint(certifications_api.blueprint)
    app.register_blueprint(person_routes.blueprint)
    drawing.init_app(app)
    upcoming.init_app(app)
    hub.init_app(app)
    streams.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def _configure(app: APIFlask, config: Config) -> None:
    secure = config.web.base_url.startswith("https://")
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        MAX_CONTENT_LENGTH=MAX_FORM,
        SESSION_COOKIE_NAME="__Host-fablab" if secure else "fablab",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,  # it is signed anew when it changes: `seen` does, once a minute
    )


def templates_folder() -> Path:
    """The templates: inside the package when installed from a wheel, beside it in a checkout."""
    packaged = PACKAGE / "templates"
    return packaged if packaged.is_dir() else PACKAGE.parent / "templates"
