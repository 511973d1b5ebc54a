import { Cron } from "croner";
import { describe, expect, it } from "vitest";
import { validateCron } from "../../src/schedule/cron-syntax.ts";
import { prng } from "../access/prng.ts";

describe("a cron line", () => {
  it.each([
    "* * * * *",
    "0 8 * * *",
    "*/15 9-17 * * MON-FRI",
    "0,30 0-23/2 1,15 JAN-MAR,dec sun",
    "5-59/10 * * * *",
    "0 0 L * *",
    "0 0 * * FRI#2",
    "0 0 * * 5#L,1#1",
    "0 0 * * FRI-SUN",
    "0 0 * * 7",
    "  0   0 * *\t0 ",
  ])("validateCron accepts %s", (line) => {
    expect(validateCron(line)).toBeUndefined();
  });

  it.each([
    ["0 25 * * *", "field 2 (hour), at character 3: 25 is not 0-23"],
    ["60 * * * *", "field 1 (minute), at character 1: 60 is not 0-59"],
    ["0 8,24 * * *", "field 2 (hour), at character 5: 24 is not 0-23"],
    ["0 8 0 * *", "field 3 (day of the month), at character 5: 0 is not 1-31"],
    ["0 8 * JAM *", "field 4 (month), at character 7: JAM is not 1-12 or JAN-DEC"],
    ["0 8 * 1-13 *", "field 4 (month), at character 9: 13 is not 1-12 or JAN-DEC"],
    ["0 8 * * MON-FRY", "field 5 (weekday), at character 13: FRY is not 0-7 or SUN-SAT"],
    ["0 8 * * 8", "field 5 (weekday), at character 9: 8 is not 0-7 or SUN-SAT"],
    ["0 22-2 * * *", "field 2 (hour), at character 3: 22-2 runs backwards"],
    ["0 8 * * FRI-MON", "field 5 (weekday), at character 9: FRI-MON runs backwards"],
    ["*/0 * * * *", "field 1 (minute), at character 3: 0 is no step from 1 to 60"],
    ["*/x * * * *", "field 1 (minute), at character 3: x is no step from 1 to 60"],
    ["5/15 * * * *", "field 1 (minute), at character 2: a step follows * or a range, as in */5"],
    ["1,,2 * * * *", "field 1 (minute), at character 3: a value is missing"],
    ["1- * * * *", "field 1 (minute), at character 3: a range has two ends, as in 1-5"],
    ["-1 * * * *", "field 1 (minute), at character 1: -1 is not 0-59"],
    ["0 8,-1-3 * * *", "field 2 (hour), at character 5: -1-3 is not 0-23"],
    ["/5 * * * *", "field 1 (minute), at character 1: a step follows * or a range, as in */5"],
    ["0-SUN * * * *", "field 1 (minute), at character 3: SUN is not 0-59"],
    ["0 0 * * SUN-SUN", "field 5 (weekday), at character 9: SUN-SUN may be one day or all: write SUN or *"],
    ["0 0 * * 0-sun/2", "field 5 (weekday), at character 9: 0-sun may be one day or all: write SUN or *"],
    ["1-2-3 * * * *", "field 1 (minute), at character 4: a range has two ends"],
    ["0 0 * * FRI#6", "field 5 (weekday), at character 13: 6 is not 1-5 or L"],
    ["0 0 * * MON-FRI#1", "field 5 (weekday), at character 12: # follows one weekday, as in FRI#2"],
    ["L * * * *", "field 1 (minute), at character 1: L is not 0-59"],
    ["0 0 15W * *", "field 3 (day of the month), at character 5: 15W is not 1-31; L is the last day"],
    ["0 0 5L * *", "field 3 (day of the month), at character 5: 5L is not 1-31; L is the last day"],
    [
      "0 0 * * 5L",
      "field 5 (weekday), at character 9: 5L is not 0-7 or SUN-SAT; FRI#2 is the second Friday, FRI#L the last",
    ],
    ["? * * * *", "field 1 (minute), at character 1: ? is not 0-59"],
    ["  0  8 * * x", "field 5 (weekday), at character 12: x is not 0-7 or SUN-SAT"],
    ["0 8 * *", "at character 8: field 5 (weekday) is missing; the fields are minute, hour"],
    ["", "at character 1: field 1 (minute) is missing"],
    [
      " @daily",
      "at character 2: there are no words as @daily, but five fields, minute, hour, day of the month, month, weekday: " +
        "every day is 0 0 * * *",
    ],
    ["0 0 8 * * *", "at character 11: there are five fields only, minute, hour"],
  ])("validateCron reports the position of the error in %j", (line, says) => {
    expect(validateCron(line)).toContain(says);
  });

  it("croner accepts every line that validateCron accepts", () => {
    const random = prng(11);
    const pick = (of: readonly string[]) => of[Math.floor(random() * of.length)] ?? "";
    const values = [
      ["0", "7", "59"],
      ["0", "9", "23"],
      ["1", "31", "L", "15"],
      ["1", "12", "jan", "DEC"],
      ["0", "7", "SUN", "fri", "6"],
    ];
    const value = (field: number) => pick(values[field] ?? []);
    const item = (field: number) =>
      pick(["*", value(field), `${value(field)}-${value(field)}`]) +
      pick(["", "", "/2", "/1", "/7", "#2", "#L", "/60"]);
    let valid = 0;
    for (let n = 0; n < 25_000; n++) {
      const line = [0, 1, 2, 3, 4].map((field) => pick(["*", item(field), `${item(field)},${item(field)}`])).join(" ");
      if (validateCron(line) !== undefined) continue;
      valid++;
      expect(() => new Cron(line, { mode: "5-part", paused: true }), line).not.toThrow();
    }
    expect(valid).toBeGreaterThan(1_000);
  });
});
