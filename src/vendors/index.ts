import { atalk } from "./atalk/index.ts";
import { easel } from "./easel/index.ts";
import { linkai } from "./linkai/index.ts";
import { listenhub } from "./listenhub/index.ts";
import { nebula } from "./nebula/index.ts";
import { openai, openaiEdits } from "./openai/index.ts";
import * as sandbox from "./sandbox/index.ts";
import type { Vendor } from "./vendor.ts";
import { xty } from "./xty/index.ts";

/** Every vendor, one line each. If several vendors have a model, they are called in this order by default. */
export const vendors: readonly Vendor[] = [
  listenhub,
  xty,
  atalk,
  linkai,
  nebula,
  // Dialects without a vendor of their own.
  openai,
  openaiEdits,
  easel,
];

export const providers = vendors.flatMap(({ provider }) => provider ?? []);

/** The fallback provider, used if `SANDBOX` allows it, with the spec that it has for every model. */
export const fallback = { ...sandbox.provider, spec: sandbox.spec };
