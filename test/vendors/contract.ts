import { describe } from "vitest";
import { dialectContract } from "./dialect-contract.ts";
import { loopContract } from "./loop-contract.ts";
import { providerContract } from "./provider-contract.ts";
import type { Subject } from "./subject.ts";

/** The contract suite for a vendor's dialect, its provider, and both in a loop if it has both. */
export function contract(subject: Subject): void {
  const { dialect, provider } = subject.vendor;
  const dialects = dialect === undefined ? [] : [dialect];
  const providers = provider === undefined ? [] : [provider];
  const loops = dialects.flatMap((dialect) => providers.map((provider) => ({ dialect, provider })));
  describe.each(dialects)("the dialect", (dialect) => {
    dialectContract(dialect, subject);
  });
  describe.each(providers)("the provider", (provider) => {
    providerContract(provider, subject);
  });
  describe.each(loops)("the dialect and the provider in a loop", ({ dialect, provider }) => {
    loopContract(dialect, provider, subject);
  });
}
