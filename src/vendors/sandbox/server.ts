import { toGatewayError, STATUS } from "../../errors.ts";
import { parseWire } from "../request-schema.ts";
import { parseDirectives, type FailStatus } from "./directives.ts";
import { drawScene } from "./landscape/draw.ts";
import { png } from "./landscape/png.ts";
import { fingerprint } from "./landscape/random.ts";
import { readScene } from "./landscape/scene.ts";
import { type Answer, DrawBody, PictureQuery } from "./wire.ts";

const TEXT_ANSWER = "This is text from the sandbox: the prompt asked for no picture.";

const FAILURES: Record<FailStatus, { code: string; message: string }> = {
  400: { code: "invalid_request", message: "The sandbox takes this request for a wrong one, as the prompt asked." },
  402: { code: "insufficient_credit", message: "The sandbox has no credit left, as the prompt asked." },
  429: { code: "rate_limited", message: "The sandbox has had too many requests, as the prompt asked." },
  500: { code: "vendor_error", message: "The sandbox failed, as the prompt asked." },
  503: { code: "vendor_error", message: "The sandbox is not there just now, as the prompt asked." },
};

/** Serve the sandbox's requests without a network: `POST …/draw` returns picture URLs, `GET …/picture` one PNG. */
export async function handleRequest(request: Request): Promise<Response> {
  const url = new URL(request.url);
  try {
    if (request.method === "POST" && url.pathname.endsWith("/draw")) return await handleDraw(request, url);
    if (request.method === "GET" && url.pathname.endsWith("/picture")) return handlePicture(url);
    return errorAnswer(404, "not_found", "The sandbox knows POST /draw and GET /picture.");
  } catch (thrown) {
    if (request.signal.aborted) throw thrown;
    const error = toGatewayError(thrown);
    return errorAnswer(STATUS[error.code], error.code, error.message);
  }
}

async function handleDraw(request: Request, url: URL): Promise<Response> {
  const body = parseWire(DrawBody, await request.json().catch(() => undefined));
  const { prompt, slowMs, outcome, broken } = parseDirectives(body.prompt);
  if (slowMs > 0) await pause(slowMs, request.signal);
  if (outcome === "refuse") {
    return errorAnswer(422, "content_rejected", "The sandbox refuses this content, as the prompt asked.");
  }
  if (outcome === "empty") return Response.json({ pictures: [] } satisfies Answer);
  if (outcome === "text") return Response.json({ pictures: [], text: TEXT_ANSWER } satisfies Answer);
  if (outcome !== "draw") {
    const { code, message } = FAILURES[outcome.fail];
    return errorAnswer(outcome.fail, code, message, outcome.fail === 429 ? { "retry-after": "2" } : {});
  }
  const scene = readScene(prompt, fingerprint(prompt));
  const subject = fingerprint(JSON.stringify([prompt, body.model, body.references]));
  const base = url.origin + url.pathname.replace(/\/draw$/, "/picture");
  const pictures = Array.from({ length: body.n }, (_, index) => {
    const query = new URLSearchParams({
      seed: `${body.seed}`,
      index: `${index}`,
      width: `${body.width}`,
      height: `${body.height}`,
      subject,
      time: scene.time,
      place: scene.place,
    });
    const { snow, lake, lighthouse } = scene;
    for (const [name, set] of Object.entries({ snow, lake, lighthouse, broken })) {
      if (set) query.set(name, "1");
    }
    return { url: `${base}?${query.toString()}` };
  });
  return Response.json({ pictures } satisfies Answer);
}

function handlePicture(url: URL): Response {
  const { subject, seed, index, broken, ...scene } = parseWire(PictureQuery, Object.fromEntries(url.searchParams));
  const paint = drawScene({ ...scene, key: `${subject}/${seed}/${index}` });
  const bytes = png(scene.width, scene.height, paint, broken ? 0.5 : undefined);
  return new Response(bytes, { headers: { "content-type": "image/png" } });
}

function errorAnswer(status: number, code: string, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error: { code, message } }, { status, headers });
}

/** Wait for `ms`; rejects if the request is aborted first. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
