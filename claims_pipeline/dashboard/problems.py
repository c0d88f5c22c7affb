"""Errors as answers: one JSON shape on every route."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from claims_pipeline.dashboard.analytics import NotBuilt
from claims_pipeline.dashboard.answers import Problem
from claims_pipeline.errors import ClaimsPipelineError


def problem(status: HTTPStatus, message: str, *, where: str, fix: str) -> JSONResponse:
    """Return an answer in the one shape."""
    return JSONResponse(Problem(message=message, where=where, fix=fix).model_dump(), status)


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of `app` in the one shape."""

    @app.exception_handler(RequestValidationError)
    def wrong_parameters(request: Request, error: RequestValidationError) -> JSONResponse:
        message = "; ".join(_sentence(one["loc"], one["type"], one["msg"]) for one in error.errors())
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, message, where=_route(request), fix=_docs(request))

    @app.exception_handler(HTTPException)
    def no_such_route(request: Request, error: HTTPException) -> JSONResponse:
        answer = problem(HTTPStatus(error.status_code), error.detail.lower(), where=_route(request), fix=_docs(request))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(ClaimsPipelineError)
    def ours(_: Request, error: ClaimsPipelineError) -> JSONResponse:
        status = HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, NotBuilt) else HTTPStatus.INTERNAL_SERVER_ERROR
        return problem(status, error.message, where=error.where, fix=error.fix)

    @app.exception_handler(Exception)
    def unexpected(request: Request, _: Exception) -> JSONResponse:
        return problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "the dashboard failed to answer",
            where=_route(request),
            fix="the log of the dashboard has the traceback; please report it",
        )


def _sentence(location: tuple[int | str, ...], kind: str, message: str) -> str:
    name = ".".join(part for part in location[1:] if isinstance(part, str))
    if kind == "extra_forbidden":
        return f"there is no parameter {name}"
    plain = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{name} {plain[:1].lower()}{plain[1:]}" if name else plain


def _route(request: Request) -> str:
    return f"{request.method} {request.url.path}"


def _docs(request: Request) -> str:
    return f"{request.base_url}docs lists the routes and their parameters"
