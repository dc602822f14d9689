"""Why a request as a whole is refused, by what its producer can do about it."""

from http import HTTPStatus

from shared.errors import FarelarkError


class RefusedError(FarelarkError):
    """The request makes no sense; its text tells the producer what to do."""

    status = HTTPStatus.BAD_REQUEST


class ForbiddenError(RefusedError):
    """The key does not reach so far."""

    status = HTTPStatus.FORBIDDEN


class TooSlowError(RefusedError):
    """The body did not come in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooLargeError(RefusedError):
    """There is more in one request than we read."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedError(RefusedError):
    """The body is of a kind that we do not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
