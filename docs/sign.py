import base64
import hashlib
import hmac
from urllib.parse import quote

KEPT = "!'()*"  # encodeURIComponent keeps them too


def sign(preset, fields, kid, secret):
    """Return the path and query of a signed URL; put them after the gateway's origin. `fields` are the fields that the
    preset lets vary, with the prompt, and optionally `exp`, the expiry in seconds since 1970. `kid` and `secret` are
    the name and value of one key in SIGNING_KEYS.
    """
    path = f"/i/{preset}"
    pairs = sorted({**fields, "kid": kid}.items())
    query = "&".join("=".join(quote(str(each), safe=KEPT) for each in pair) for pair in pairs)
    digest = hmac.new(secret.encode(), f"GET\n{path}\n{query}".encode(), hashlib.sha256).digest()
    sig = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return f"{path}?{query}&sig={sig}"
