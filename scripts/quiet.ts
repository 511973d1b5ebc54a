/** Run wrangler without banner, update check, telemetry, log files and calls home. Variables that the user has set stay. */
export function silenceWrangler(): void {
  const config = {
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_WRITE_LOGS: "false",
    // Otherwise the start fetches a sample of `request.cf`, and warns without network.
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    // Both would store traces of every request, with prompts, in .wrangler/state.
    X_LOCAL_EXPLORER: "false",
    X_LOCAL_OBSERVABILITY: "false",
  };
  for (const [name, value] of Object.entries(config)) process.env[name] ??= value;
}
