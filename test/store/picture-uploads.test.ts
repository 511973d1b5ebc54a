import { expect, it } from "vitest";
import { UploadSet } from "../../src/store/pictures.ts";
import { PictureUpload } from "../../src/store/pictures.ts";
import { png } from "../image/pictures.ts";
import { BUCKET, watch } from "./bucket.ts";

it("no more than two small pictures wait for an R2 that lags", async () => {
  let making = 0;
  let most = 0;
  const { bucket } = watch(BUCKET, {
    before: async () => {
      most = Math.max(most, ++making);
      await scheduler.wait(200);
      making--;
    },
  });
  const uploads = new UploadSet((index) => new PictureUpload(bucket, `lagging/${index}`, 1_000_000, {}));
  for (let index = 0; index < 8; index++) {
    const upload = uploads.open();
    await upload.write(png(10, 10));
    upload.end();
    await uploads.drain();
  }
  expect(await uploads.finish()).toHaveLength(8);
  expect(most).toBe(2);
});
