"""Error responses: the same JSON shape on every route."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from claims_pipeline.dashboard.answers import Problem
from claims_pipeline.dashboard.breakdown import NoSuchFigure
from claims_pipeline.dashboard.details import NotFound
from claims_pipeline.dashboard.published import NotBuilt
from claims_pipeline.dashboard.turns import RETRY_AFTER_SECONDS, TooBusy
from claims_pipeline.errors import ClaimsPipelineError


def problem(
    status: HTTPStatus, message: str, *, where: str, fix: str, parameters: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an error response in that shape."""
    body = Problem(message=message, where=where, fix=fix, parameters=dict(parameters or {}))
    return JSONResponse(body.model_dump(), status)


def add_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every error in that shape."""

    @app.exception_handler(RequestValidationError)
    def wrong_parameters(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        message = "; ".join(_sentence(one["loc"], one["type"], one["msg"]) for one in found)
        by_parameter = {name: _said(one["type"], one["msg"]) for one in reversed(found) if (name := _name(one["loc"]))}
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            message,
            where=_route(request),
            fix=_docs(request),
            parameters=by_parameter,
        )

    @app.exception_handler(HTTPException)
    def no_such_route(request: Request, error: HTTPException) -> JSONResponse:
        answer = problem(HTTPStatus(error.status_code), error.detail.lower(), where=_route(request), fix=_docs(request))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(NoSuchFigure)
    def no_such_figure(request: Request, error: NoSuchFigure) -> JSONResponse:
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            str(error),
            where=_route(request),
            fix=_docs(request),
            parameters={"figures": str(error).removeprefix("figures ")},
        )

    @app.exception_handler(ClaimsPipelineError)
    def ours(_: Request, error: ClaimsPipelineError) -> JSONResponse:
        if isinstance(error, NotFound):
            return problem(HTTPStatus.NOT_FOUND, error.message, where=error.where, fix=error.fix)
        is_passing = isinstance(error, NotBuilt | TooBusy)
        status = HTTPStatus.SERVICE_UNAVAILABLE if is_passing else HTTPStatus.INTERNAL_SERVER_ERROR
        answer = problem(status, error.message, where=error.where, fix=error.fix)
        if isinstance(error, TooBusy):
            answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer

    @app.exception_handler(Exception)
    def unexpected(request: Request, _: Exception) -> JSONResponse:
        return problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "the dashboard failed to answer",
            where=_route(request),
            fix="the log of the dashboard has the traceback; please report it",
        )


def _sentence(location: tuple[int | str, ...], kind: str, message: str) -> str:
    name = _name(location)
    if kind == "extra_forbidden":
        return f"there is no parameter {name}"
    return f"{name} {_said(kind, message)}" if name else _said(kind, message)


def _name(location: tuple[int | str, ...]) -> str:
    return ".".join(part for part in location[1:] if isinstance(part, str))


def _said(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is no parameter of this route"
    plain = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{plain[:1].lower()}{plain[1:]}"


def _route(request: Request) -> str:
    return f"{request.method} {request.url.path}"


def _docs(request: Request) -> str:
    return f"{request.base_url}docs lists the routes and their parameters"
