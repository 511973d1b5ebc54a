/** Wrangler without banner, update check, telemetry, log files and calls home. What the user has set stays. */
export function quiet(): void {
  const config = {
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_WRITE_LOGS: "false",
    // Otherwise the start asks the network for a sample of `request.cf`, and warns where there is none.
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    // Both would keep traces of every request, prompts among them, in .wrangler/state.
    X_LOCAL_EXPLORER: "false",
    X_LOCAL_OBSERVABILITY: "false",
  };
  for (const [name, value] of Object.entries(config)) process.env[name] ??= value;
}
