// The output of `npm run keys`.

/** A key as in GET /v1/keys; `key` itself only when it is created. */
export interface Key {
  id: string;
  kind: "secret" | "publishable";
  name?: string;
  key: string;
  expiresAt?: string;
  revokedAt?: string;
  models?: string[];
  presets?: string[];
  origins?: string[];
  size?: string;
  perMinute?: number;
}

/** One line per key. */
export function keyTable(keys: readonly Key[]): string {
  const rows = keys.map((key) => [key.id, key.kind, stateOf(key), key.name ?? "-", restrictionsOf(key)]);
  const lines = [["ID", "KIND", "STATE", "NAME", "FOR"], ...rows];
  const width = (column: number) => Math.max(...lines.map((line) => line[column]?.length ?? 0));
  const widths = [width(0), width(1), width(2), width(3), 0];
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")).join("\n");
}

function stateOf({ revokedAt, expiresAt }: Key): string {
  if (revokedAt !== undefined) return `revoked ${revokedAt.slice(0, 10)}`;
  if (expiresAt === undefined) return "good";
  return `${Date.parse(expiresAt) <= Date.now() ? "expired" : "good until"} ${expiresAt.slice(0, 10)}`;
}

function restrictionsOf({ models = [], presets = [], origins = [], size, perMinute }: Key): string {
  const allowed = [...models, ...presets.map((preset) => `preset ${preset}`)].join(", ");
  const limits = [size && `up to ${size}`, perMinute && `${perMinute}/min`];
  return (
    [allowed, ...limits, origins.length > 0 && `on ${origins.join(", ")}`].filter(Boolean).join("; ") || "anything"
  );
}

/**
 * The command that tries a key; a publishable key with the Origin of its first page. `vary` is what its first preset lets the
 * client choose.
 */
export function curlOf(origin: string, { key, models, presets, origins }: Key, vary = ["prompt"]): string {
  const target = { preset: presets?.[0], model: presets === undefined ? models?.[0] : undefined };
  const page = origins?.[0] === undefined ? "" : ` -H "Origin: ${origins[0].replace("*", "www")}"`;
  const json = JSON.stringify({ ...target, prompt: vary.includes("prompt") ? "a lighthouse at dusk" : undefined });
  return (
    `curl -f ${origin}/v1/generations -H "Authorization: Bearer ${key}"${page} -H "Accept: image/*"` +
    ` -H "Content-Type: application/json" -d '${json}' -o first.png`
  );
}
