import base64
import hashlib
import hmac
from urllib.parse import quote

KEPT = "!'()*"  # by encodeURIComponent as well


def sign(preset, fields, kid, secret):
    """The path and query of a signed URL, to be put after the gateway's origin. `fields` is what the preset lets vary,
    the prompt above all, and `exp` (seconds since 1970) where the URL is to end; `kid` and `secret` are one of SIGNING_KEYS.
    """
    path = f"/i/{preset}"
    pairs = sorted({**fields, "kid": kid}.items())
    query = "&".join("=".join(quote(str(each), safe=KEPT) for each in pair) for pair in pairs)
    digest = hmac.new(secret.encode(), f"GET\n{path}\n{query}".encode(), hashlib.sha256).digest()
    sig = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return f"{path}?{query}&sig={sig}"
