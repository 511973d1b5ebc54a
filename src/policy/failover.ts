/**
 * When a request goes on to the next vendor. `safe`: only where the one before drew nothing and will not charge; `always`:
 * also where nobody knows, at the price of paying twice; `off`: never. A refusal for its content never goes on.
 */
export const FAILOVER = ["safe", "always", "off"] as const;
export type Failover = (typeof FAILOVER)[number];
