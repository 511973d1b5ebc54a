import { spillTo } from "../store/pictures.ts";
import { ClientStream } from "../stream/client-stream.ts";
import type { FailedCall } from "./runtime.ts";
import { callVendor, type Run } from "./vendor-call.ts";

/** A vendor's bytes on their way to the client. */
export interface PassThroughBody {
  body: ReadableStream<Uint8Array>;
  contentType: string;
  /** Settles when the generation has ended. */
  done: Promise<unknown>;
}

/** True if the client speaks the dialect of the first candidate, and that vendor's answers are passed on unchanged. */
export function canPassThrough({ generation, candidates }: Run): boolean {
  const { provider } = candidates[0].endpoint;
  return provider.passThrough === true && provider.name === generation.dialect && generation.parsed.stream !== true;
}

/** Call the first candidate and pass its bytes to the client unchanged. A call that fails before any byte is returned. */
export async function passThrough(run: Run): Promise<PassThroughBody | FailedCall> {
  const { generation, runtime, candidates, recorder } = run;
  const { holdBytes, clientStallMs, answerBytes } = runtime.config.limits;
  const spill = () => spillTo(runtime.env.BUCKET, generation.id, answerBytes);
  const client = new ClientStream({ holdBytes, stallMs: clientStallMs, spill });
  const { n } = generation.parsed.request;
  const done = callVendor(run, { candidate: candidates[0], n }, client).then(async (result) => {
    if (!("error" in result)) {
      // The client has its picture, also if the end cannot be recorded.
      await recorder.succeed([result]).catch((error: unknown) => recorder.logWriteFailure(error));
      return client.close();
    }
    if (!client.flushed) return result;
    const error = await recorder.fail(result.error);
    // After an error of our own the vendor's answer is complete: only the copy in R2 is missing.
    return error.code === "internal" ? client.close() : client.abort();
  });
  const failed = await Promise.race([client.started, done]);
  return failed ?? { body: client.readable, contentType: client.contentType, done };
}
