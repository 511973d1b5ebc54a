import { afterAll, beforeAll, beforeEach } from "vitest";
import { startEasel } from "../harness/worker.ts";
import type { Easel, EaselOptions } from "../harness/worker.ts";
import { sha256, startAtalk, startLinkAI, startListenHub, startNebula, startXty, until } from "../sim/index.ts";
import type { Atalk, LinkAI, ListenHubBehaviour, Nebula, Sim, Xty } from "../sim/index.ts";

export const ADMIN = "admin-token-of-the-test";
export const LISTENHUB_KEY = "lh-key-of-the-operator";
export const LINKAI_KEY = "la-key-of-the-operator";
export const PRO = "gemini-3-pro-image-preview";
export const FLASH = "gemini-3.1-flash-image-preview";

/** The path of ListenHub's dialect, and a minimal request that its document allows. */
export const LISTENHUB_PATH = "/openapi/v1/images/generation";
export const CAT = { provider: "google", prompt: "a cat" };

/** A generation's record as clients receive it. */
export interface RecordWire {
  id: string;
  status: string;
  vendor: string;
  model: string;
  dialect: string;
  images: { url: string; type: string; width: number; height: number; bytes: number }[];
  text?: string;
  warnings: string[];
  usage: Record<string, unknown> | null;
  error: { code: string; message: string } | null;
  attempts: { vendor: string; ms: number; error?: string }[];
  createdAt: string;
  finishedAt: string | null;
}

/** A response with its body read to the end. */
export interface ReadResponse {
  status: number;
  headers: Headers;
  body: Buffer;
  sha256: string;
  /** The generation's id, from the header `easel-generation`. */
  id: string;
  /** The body as JSON, parsed on access. */
  readonly json: Record<string, unknown>;
}

export const VENDORS = ["listenhub", "xty", "atalk", "linkai", "nebula"] as const;
export type VendorName = (typeof VENDORS)[number];

/** One model per vendor that the vendor's document lists. */
export const MODELS: Record<VendorName, string> = {
  listenhub: PRO,
  xty: PRO,
  atalk: "gemini-2.5-flash-image",
  linkai: PRO,
  nebula: "gemini-2.5-flash-image",
};

/** An Easel worker in front of simulated vendors. */
export interface Stage {
  easel: Easel;
  listenhub: Sim<ListenHubBehaviour>;
  xty: Xty;
  atalk: Atalk;
  linkai: LinkAI;
  nebula: Nebula;
  /** Send a request with the admin token unless `headers` has another; objects become JSON, text, bytes and streams stay. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** POST in ListenHub's dialect; `how` sets the next behaviour of the simulated ListenHub. */
  postListenHub(body: unknown, how?: ListenHubBehaviour): Promise<Response>;
  /** Like `postListenHub`, but read the body to its end; rejects if the body is truncated. The default request is `CAT`. */
  draw(body?: unknown, how?: ListenHubBehaviour): Promise<ReadResponse>;
  /** Create an API key; return its id and the headers that authenticate with it. */
  newKey(terms?: object): Promise<{ id: string; headers: { authorization: string } }>;
  record(id: string): Promise<RecordWire>;
  /** Wait until the generation has ended, then return its record. */
  ended(id: string): Promise<RecordWire>;
  /** List the keys in R2 that start with `prefix`. */
  keys(prefix?: string): Promise<string[]>;
  /** Return the SHA-256 of a stored object, or undefined if it does not exist. */
  storedHash(key: string): Promise<string | undefined>;
  /** Clear the recorded requests and configured behaviour of every simulated vendor. */
  reset(): void;
  stop(): Promise<void>;
}

export interface StageOptions extends EaselOptions {
  /** Vendors that Easel has a key for; default: ListenHub and LinkAI. */
  vendors?: VendorName[];
  /** Overrides of LIMITS; by default the token buckets are too large to matter. */
  limits?: Record<string, number>;
  /** Serve LinkAI's CDN on a separate host and add it to TRUSTED_HOSTS. */
  cdnElsewhere?: boolean;
}

/** A busy machine takes long to send large pictures, and a test may send very many requests. */
const OUT_OF_THE_WAY = {
  keyPerMinute: 1e6,
  globalPerMinute: 1e6,
  referencesPerMinute: 1e6,
  requestMs: 600_000,
  downloadMs: 600_000,
};

export async function startStage(options: StageOptions = {}): Promise<Stage> {
  const { vendors = ["listenhub", "linkai"], limits, cdnElsewhere = false, vars, ...rest } = options;
  const keys: Record<VendorName, string> = {
    listenhub: LISTENHUB_KEY,
    xty: "xt-key-of-the-operator",
    atalk: "at-key-of-the-operator",
    linkai: LINKAI_KEY,
    nebula: "nb-key-of-the-operator",
  };
  const sims = {
    listenhub: await startListenHub({ key: keys.listenhub }),
    xty: await startXty({ key: keys.xty }),
    atalk: await startAtalk({ key: keys.atalk }),
    linkai: await startLinkAI({ key: keys.linkai, cdnElsewhere }),
    nebula: await startNebula({ key: keys.nebula }),
  };
  const { listenhub, linkai } = sims;
  const easel = await startEasel({
    ...rest,
    vars: {
      ADMIN_TOKEN: ADMIN,
      ...Object.fromEntries(vendors.map((name) => [`${name.toUpperCase()}_API_KEY`, keys[name]])),
      ...Object.fromEntries(VENDORS.map((name) => [`${name.toUpperCase()}_BASE_URL`, sims[name].origin])),
      LISTENHUB_BASE_URL: `${listenhub.origin}/openapi`,
      ...(cdnElsewhere && { TRUSTED_HOSTS: linkai.cdnHost }),
      LIMITS: JSON.stringify({ ...OUT_OF_THE_WAY, ...limits }),
      ...vars,
    },
  });
  const authorization = `Bearer ${ADMIN}`;

  const call: Stage["call"] = (method, path, body, headers) => {
    if (body === undefined) return easel.fetch(path, { method, headers: { authorization, ...headers } });
    const raw = typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
    return easel.fetch(path, {
      method,
      headers: { authorization, "content-type": "application/json", ...headers },
      body: raw ? (body as BodyInit) : JSON.stringify(body),
    });
  };
  const post: Stage["post"] = (path, body, headers) => call("POST", path, body, headers);
  const get: Stage["get"] = (path, headers) => call("GET", path, undefined, headers);
  const ask: Stage["postListenHub"] = (body, how) => {
    if (how !== undefined) listenhub.next(how);
    return post(LISTENHUB_PATH, body);
  };
  const record: Stage["record"] = (id) => jsonOf<RecordWire>(get(`/v1/generations/${id}`));
  return {
    easel,
    ...sims,
    call,
    post,
    get,
    postListenHub: ask,
    draw: (body = CAT, how) => readResponse(ask(body, how)),
    newKey: async (terms = {}) => {
      const { id, key } = await jsonOf<{ id: string; key: string }>(post("/v1/keys", terms));
      return { id, headers: { authorization: `Bearer ${key}` } };
    },
    record,
    ended: async (id) => {
      await until(async () => ["succeeded", "failed"].includes((await record(id)).status));
      return record(id);
    },
    keys: async (prefix = "") => (await easel.bucket.list({ prefix })).objects.map(({ key }) => key),
    storedHash: async (key) => {
      const object = await easel.bucket.get(key);
      return object === null ? undefined : sha256(new Uint8Array(await object.arrayBuffer()));
    },
    reset: () => Object.values(sims).forEach((sim) => sim.reset()),
    stop: async () => {
      await easel.stop();
      await Promise.all(Object.values(sims).map((sim) => sim.stop()));
    },
  };
}

/** Start one stage for a test file: vendors are reset before each test and everything stops after the last. */
export function staged(options?: StageOptions): Stage {
  const stage = {} as Stage;
  beforeAll(async () => {
    Object.assign(stage, await startStage(options));
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());
  return stage;
}

/** Read a response to its end; rejects if the body is truncated. */
export async function readResponse(pending: Response | Promise<Response>): Promise<ReadResponse> {
  const response = await pending;
  const body = Buffer.from(await response.arrayBuffer());
  const { status, headers } = response;
  return {
    status,
    headers,
    body,
    sha256: sha256(body),
    id: headers.get("easel-generation") ?? "",
    get json() {
      return JSON.parse(body.toString()) as Record<string, unknown>;
    },
  };
}

/** Return a response's JSON, typed as `T` without validation. */
export async function jsonOf<T = Record<string, unknown>>(response: Response | Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}

/** Return the SHA-256 of a response's body. */
export async function hashOf(response: Response | Promise<Response>): Promise<string> {
  return sha256(new Uint8Array(await (await response).arrayBuffer()));
}

/** Return the warnings in the header `easel-warnings`. */
export function warningsOf(response: Response): string[] {
  return JSON.parse(response.headers.get("easel-warnings") ?? "[]") as string[];
}

/** Return the body of the last request that a vendor received. */
export function lastBody(seen: Sim<object>["seen"]): Record<string, unknown> {
  return seen.at(-1)?.body as Record<string, unknown>;
}

/** Return all log messages of the Worker so far as one text. */
export function logText(easel: Easel): string {
  return easel.logs.map(({ message }) => message).join("\n");
}

/** Wait until the Worker has logged `text`; logs may arrive after the response. */
export function waitForLog(easel: Easel, text: string): Promise<void> {
  return until(() => logText(easel).includes(text));
}
