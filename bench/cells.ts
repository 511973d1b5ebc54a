import { postRequest } from "./client.ts";
import { picture, SIZES } from "./sizes.ts";

/** One path through the Worker, with one picture size and one number of clients. */
export interface Cell {
  id: string;
  variant: string;
  size: string;
  clients: number;
  vars: Record<string, string>;
  request: Buffer;
  /** Characters of base64 per request. */
  base64Chars: number;
  /** Bytes of the answer's body, approximately. */
  expected: number;
  /** The cell it is compared with, by id. */
  floor: string | undefined;
}

interface Variant {
  /** worker.ts's MODE. */
  mode: string;
  /** The variant it is compared with. */
  floor?: string;
  /** How the upstream frames its answer. */
  framing: "chunked" | "length";
  /** What a bare handler fetches, below /<size>/<framing>/. */
  fetches?: string;
  path?: string;
  body?: object;
  /** The vendor with a credential; default `listenhub`. */
  vendor?: string;
  /** Length of the answer, if it differs from the upstream's body. */
  expected?: number;
  /** Pictures of the cell's size in the request; the answer's is tiny. */
  references?: number;
}

const GEMINI = "openapi/v1/images/generation";
const PROMPT = "a lighthouse at dusk";
const generation = {
  path: `/${GEMINI}`,
  body: { provider: "google", model: "gemini-3-pro-image-preview", prompt: PROMPT },
};
const imagesRequest = (model: string, format: string) => ({
  path: "/v1/images/generations",
  body: { model, prompt: PROMPT, response_format: format },
});

const VARIANTS: Record<string, Variant> = {
  floor: { mode: "floor", framing: "chunked", fetches: GEMINI },
  pump: { mode: "pump", framing: "chunked", fetches: GEMINI, floor: "floor" },
  extract: { mode: "extract", framing: "chunked", fetches: GEMINI, floor: "floor" },
  pass: { mode: "null", framing: "chunked", ...generation, floor: "floor" },
  "pass-r2": { mode: "r2", framing: "chunked", ...generation, floor: "floor" },
  "floor-length": { mode: "floor", framing: "length", fetches: GEMINI },
  "pass-length": { mode: "null", framing: "length", ...generation, floor: "floor-length" },

  native: { mode: "native", framing: "length", fetches: "binary", expected: 6 },
  "base64-base64": {
    mode: "r2",
    framing: "chunked",
    ...imagesRequest("gemini-3-pro-image-preview", "b64_json"),
    floor: "native",
  },
  "base64-url": {
    mode: "r2",
    framing: "chunked",
    ...imagesRequest("gemini-3-pro-image-preview", "url"),
    floor: "native",
    expected: 100,
  },
  "url-base64": {
    mode: "r2",
    framing: "chunked",
    ...imagesRequest("linkai/gpt-image-2", "b64_json"),
    floor: "native",
    vendor: "linkai",
  },

  references: { mode: "r2", framing: "length", ...generation, references: 14 },

  forward: { mode: "forward", framing: "length", fetches: GEMINI, ...generation },
  small: { mode: "null", framing: "length", ...generation, floor: "forward" },
  "small-r2": { mode: "r2", framing: "length", ...generation, floor: "forward" },
};

/** Cells measured one after the other, so that a cell and its floor see the same machine. */
const GROUPS: [variants: string[], sizes: string[], clients: number[]][] = [
  [
    ["floor", "pump", "extract", "pass", "pass-r2", "floor-length", "pass-length"],
    ["24", "8", "1"],
    [1, 8],
  ],
  [["native", "base64-base64", "base64-url", "url-base64"], ["24"], [1, 8]],
  [["references"], ["9.3"], [1]],
  [["forward", "small", "small-r2"], ["tiny"], [16]],
];

/** Every cell; `upstream` is upstream.ts's origin. */
export function allCells(upstream: string): Cell[] {
  return GROUPS.flatMap(([variants, sizes, clients]) =>
    sizes.flatMap((size) => clients.flatMap((count) => variants.map((name) => makeCell(name, size, count, upstream)))),
  );
}

function makeCell(name: string, size: string, clients: number, upstream: string): Cell {
  const variant = VARIANTS[name];
  if (variant === undefined) throw new Error(`no variant ${name}`);
  const { mode, framing, floor, fetches = "", path = "/", vendor = "listenhub", expected, references } = variant;
  const suffix = `${size}x${clients}`;
  const responseSize = references === undefined ? size : "tiny";
  const base = `${upstream}/${responseSize}/${framing}`;
  const varPrefix = vendor.toUpperCase();
  return {
    id: `${name} ${suffix}`,
    variant: name,
    size,
    clients,
    vars: {
      MODE: mode,
      FLOOR: `${base}/${fetches}`,
      ADMIN_TOKEN: "admin",
      [`${varPrefix}_API_KEY`]: "key",
      [`${varPrefix}_BASE_URL`]: vendor === "listenhub" ? `${base}/openapi` : base,
      TRUSTED_HOSTS: new URL(upstream).host,
      // More than any cell sends in a minute: the counting is measured, not the rejection.
      LIMITS: JSON.stringify({ keyPerMinute: 1e9, globalPerMinute: 1e9, referencesPerMinute: 1e9 }),
    },
    request: postRequest(path, { ...variant.body, referenceImages: referenceImages(size, references) }),
    base64Chars: (SIZES[size] ?? 0) * (references ?? 1),
    expected: expected ?? SIZES[responseSize] ?? 0,
    floor: floor === undefined ? undefined : `${floor} ${suffix}`,
  };
}

/** `count` pictures of a size, as a request to `generation` has them. */
function referenceImages(size: string, count: number | undefined): object[] | undefined {
  if (count === undefined) return undefined;
  const inlineData = { mimeType: "image/png", data: picture(size).toString("base64") };
  return Array.from({ length: count }, () => ({ inlineData }));
}
