"""Pages go out packed: two hundred rows of a table are mostly the same words."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PackedPages(GZipMiddleware):
    """HTML that is whole. What streams stays as it is: packing would hold each line back.

    Against what could be guessed from a page's packed length, the padding is random, and so are its tokens.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
