import { type Env, configOf } from "../../src/env.ts";
import type { Runtime } from "../../src/generate/runtime.ts";
import { newId } from "../../src/store/ids.ts";
import type { Generation } from "../../src/store/jobs.ts";
import { BUCKET } from "../store/bucket.ts";

/** A Worker's bindings with the sandbox as vendor, and the messages sent to its queue. */
export function newEnv(limits: Record<string, number> = {}): { env: Env; sent: string[] } {
  const sent: string[] = [];
  const queue = { send: async ({ generation }: { generation: string }) => void sent.push(generation) };
  const vars = { SANDBOX: "fallback", LIMITS: JSON.stringify(limits) };
  return { env: { BUCKET, QUEUE: queue, ...vars } as unknown as Env, sent };
}

const background: Promise<unknown>[] = [];
export const ctx = { waitUntil: (work: Promise<unknown>) => void background.push(work) };

/** Resolve when all work after the response is done. */
export async function backgroundDone(): Promise<void> {
  while (background.length > 0) await background.shift();
}

/** Create a generation as a route does. */
export function jobOf(
  change: { prompt?: string; receivedAt?: number; uploads?: Generation["uploads"] } = {},
): Generation {
  const { prompt = "a cat", receivedAt = Date.now(), uploads = [] } = change;
  const references = uploads.map((picture) => ({ picture }));
  return {
    id: newId(receivedAt),
    parsed: { request: { model: "sandbox", prompt, n: 1, size: "512", references }, warnings: [] },
    dialect: "easel",
    principal: "admin",
    origin: "https://easel.example",
    receivedAt,
    uploads,
  };
}

/** Create what a request brings to `enqueue`. */
export function runtimeFor(env: Env): Runtime {
  return { env, config: configOf(env), ...ctx };
}

/** Create a queue message that records how it was settled. */
export function messageOf(body: unknown, attempts = 1): Message & { outcome: string; delay: number } {
  const message = {
    id: newId(Date.now()),
    timestamp: new Date(),
    body,
    attempts,
    outcome: "none",
    delay: -1,
    ack: () => void (message.outcome = "ack"),
    retry: ({ delaySeconds = 0 }: QueueRetryOptions = {}) => {
      message.outcome = "retry";
      message.delay = delaySeconds;
    },
  };
  return message;
}

export function batchOf(messages: Message[], queue = "easel"): MessageBatch {
  return { queue, messages } as unknown as MessageBatch;
}

export async function emptyBucket(): Promise<void> {
  const { objects } = await BUCKET.list();
  if (objects.length > 0) await BUCKET.delete(objects.map(({ key }) => key));
}

export async function keysOf(prefix: string): Promise<string[]> {
  return (await BUCKET.list({ prefix })).objects.map(({ key }) => key);
}
