import { expect, it } from "vitest";
import { UploadSet, PictureUpload } from "../../src/store/pictures.ts";
import { png } from "../image/pictures.ts";
import { BUCKET, watchBucket } from "./bucket.ts";

it("no more than two small pictures wait for an R2 that lags", async () => {
  let running = 0;
  let mostRunning = 0;
  const { bucket } = watchBucket(BUCKET, {
    before: async () => {
      mostRunning = Math.max(mostRunning, ++running);
      await scheduler.wait(200);
      running--;
    },
  });
  const uploads = new UploadSet(
    (index) => new PictureUpload({ bucket, key: `lagging/${index}`, maxBytes: 1_000_000, metadata: {} }),
  );
  for (let index = 0; index < 8; index++) {
    const upload = uploads.open();
    await upload.write(png(10, 10));
    upload.end();
    await uploads.drain();
  }
  expect(await uploads.finish()).toHaveLength(8);
  expect(mostRunning).toBe(2);
});
