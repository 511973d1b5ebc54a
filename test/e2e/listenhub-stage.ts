import { startEasel } from "../harness/worker.ts";
import type { Easel, EaselOptions } from "../harness/worker.ts";
import { sha256, startListenHub, until } from "../sim/index.ts";
import type { ListenHubBehaviour, Sim } from "../sim/index.ts";

export const ADMIN = "admin-token-of-the-test";
export const VENDOR_KEY = "lh-key-of-the-operator";
export const PRO = "gemini-3-pro-image-preview";
export const FLASH = "gemini-3.1-flash-image-preview";

/** A generation's record, as clients get it. */
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

/** An answer, read to its end. */
export interface Answered {
  status: number;
  headers: Headers;
  body: Buffer;
  sha256: string;
  /** The generation's id. */
  id: string;
}

/** Easel with ListenHub's simulator behind it. */
export interface Stage {
  easel: Easel;
  vendor: Sim<ListenHubBehaviour>;
  /** POST to the dialect's own path; a string or bytes go as they are, and `how` is what the vendor does next. */
  ask(body: unknown, how?: ListenHubBehaviour, init?: AskInit): Promise<Response>;
  /** The same, read to its end; rejects where the body breaks off. */
  draw(body?: unknown, how?: ListenHubBehaviour, init?: AskInit): Promise<Answered>;
  record(id: string): Promise<RecordWire>;
  /** The record once the generation has ended. */
  ended(id: string): Promise<RecordWire>;
  /** R2 keys under a prefix. */
  keys(prefix?: string): Promise<string[]>;
  /** SHA-256 of a stored object, or undefined. */
  stored(key: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

export interface AskInit extends RequestInit {
  path?: string;
}

export interface StageOptions extends EaselOptions {
  /** Limits that differ from the gateway's own. */
  limits?: Record<string, number>;
}

/** A minimal request that the document allows. */
export const CAT = { provider: "google", prompt: "a cat" };
export const PATH = "/openapi/v1/images/generation";

export async function startStage(options: StageOptions = {}): Promise<Stage> {
  const { limits, vars, ...rest } = options;
  const vendor = await startListenHub({ key: VENDOR_KEY });
  const easel = await startEasel({
    ...rest,
    vars: {
      ADMIN_TOKEN: ADMIN,
      LISTENHUB_API_KEY: VENDOR_KEY,
      LISTENHUB_BASE_URL: `${vendor.origin}/openapi`,
      LIMITS: JSON.stringify({ keyPerMinute: 1e6, globalPerMinute: 1e6, referencesPerMinute: 1e6, ...limits }),
      ...vars,
    },
  });

  const ask: Stage["ask"] = (body, how, { path = PATH, headers, ...init } = {}) => {
    if (how !== undefined) vendor.next(how);
    const raw = typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
    return easel.fetch(path, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json", ...(headers as object) },
      body: raw ? (body as string) : JSON.stringify(body),
      ...init,
    });
  };
  const record: Stage["record"] = async (id) => {
    const response = await easel.fetch(`/v1/generations/${id}`, { headers: { authorization: `Bearer ${ADMIN}` } });
    return (await response.json()) as RecordWire;
  };
  return {
    easel,
    vendor,
    ask,
    draw: async (body = CAT, how, init) => read(await ask(body, how, init)),
    record,
    ended: async (id) => {
      await until(async () => ["succeeded", "failed"].includes((await record(id)).status), 15_000);
      return record(id);
    },
    keys: async (prefix = "") => (await easel.bucket.list({ prefix })).objects.map(({ key }) => key),
    stored: async (key) => {
      const object = await easel.bucket.get(key);
      return object === null ? undefined : sha256(new Uint8Array(await object.arrayBuffer()));
    },
    stop: async () => {
      await easel.stop();
      await vendor.stop();
    },
  };
}

/** Reads an answer to its end; rejects where it breaks off. */
export async function read(response: Response): Promise<Answered> {
  const body = Buffer.from(await response.arrayBuffer());
  const { status, headers } = response;
  return { status, headers, body, sha256: sha256(body), id: headers.get("easel-generation") ?? "" };
}

/** The body of an answer as JSON. */
export function json(answer: { body: Buffer }): Record<string, unknown> {
  return JSON.parse(answer.body.toString()) as Record<string, unknown>;
}

/** Field of the body that the vendor got with its last request. */
export function sent(vendor: Stage["vendor"], field: string): unknown {
  return (vendor.seen.at(-1)?.body as Record<string, unknown> | undefined)?.[field];
}

/** What the Worker has said so far, as one text. */
export function said(easel: Easel): string {
  return easel.logs.map(({ message }) => message).join("\n");
}
