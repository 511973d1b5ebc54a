import { app } from "./app.ts";
import type { Env } from "./env.ts";
import { scheduled } from "./schedule/cron.ts";
import { consume } from "./schedule/queue.ts";

export default { fetch: app.fetch, scheduled, queue: consume } satisfies ExportedHandler<Env>;
