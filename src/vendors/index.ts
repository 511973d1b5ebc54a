import { atalk } from "./atalk/index.ts";
import { easel } from "./easel/index.ts";
import { linkai } from "./linkai/index.ts";
import { listenhub } from "./listenhub/index.ts";
import { nebula } from "./nebula/index.ts";
import { openai, openaiEdits } from "./openai/index.ts";
import * as sandbox from "./sandbox/index.ts";
import type { Vendor } from "./vendor.ts";
import { xty } from "./xty/index.ts";

/** Every vendor, one line each. The order is that of routing: who is asked first for a model that several have. */
export const vendors: readonly Vendor[] = [
  listenhub,
  xty,
  atalk,
  linkai,
  nebula,
  // Formats that vendors do not own.
  openai,
  openaiEdits,
  easel,
];

export const providers = vendors.flatMap(({ provider }) => provider ?? []);

/** The provider that stands in where `SANDBOX` allows, and what it can do. */
export const fallback = { ...sandbox.provider, spec: sandbox.spec };
