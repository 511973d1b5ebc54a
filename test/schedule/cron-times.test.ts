import { describe, expect, it } from "vitest";
import { lastTime, localTime, nextTimes } from "../../src/schedule/cron-times.ts";
import { prng } from "../access/prng.ts";

const MINUTE = 60_000;
const timeOf = (text: string) => Date.parse(text);
const minutesOf = (times: readonly number[]) => times.map((time) => new Date(time).toISOString().slice(0, 16));
const nextTexts = (line: string, zone: string, after: string, count = 3) =>
  minutesOf(nextTimes(line, zone, timeOf(after), count));

describe("nextTimes", () => {
  it("the next times follow the clocks of the zone, in summer and in winter", () => {
    expect(nextTexts("0 8 * * *", "Europe/Berlin", "2026-10-23T12:00Z")).toEqual([
      "2026-10-24T06:00",
      "2026-10-25T07:00",
      "2026-10-26T07:00",
    ]);
    expect(nextTexts("0 8 * * *", "UTC", "2026-10-24T08:00Z", 1)).toEqual(["2026-10-25T08:00"]);
  });

  it("there is no next time for a day that no month has", () => {
    expect(nextTimes("0 0 31 2 *", "UTC", timeOf("2026-11-20T00:00Z"), 5)).toEqual([]);
    expect(nextTexts("0 0 29 2 *", "UTC", "2026-11-20T00:00Z", 2)).toEqual(["2028-02-29T00:00", "2032-02-29T00:00"]);
  });

  it("a line with a day of the month and a weekday matches either", () => {
    expect(nextTexts("0 0 13 * FRI", "UTC", "2026-11-10T00:00Z")).toEqual([
      "2026-11-13T00:00",
      "2026-11-20T00:00",
      "2026-11-27T00:00",
    ]);
  });
});

describe("one time a day, when the clocks change", () => {
  it.each([
    // 02:30 does not exist: the first time after the gap, 03:00, is used.
    ["Europe/Berlin", "30 2 * * *", "2027-03-27T12:00Z", ["2027-03-28T01:00", "2027-03-29T00:30", "2027-03-30T00:30"]],
    [
      "America/New_York",
      "30 2 * * *",
      "2027-03-13T12:00Z",
      ["2027-03-14T07:00", "2027-03-15T06:30", "2027-03-16T06:30"],
    ],
    // Half an hour is skipped: 02:15 becomes 02:30.
    [
      "Australia/Lord_Howe",
      "15 2 * * *",
      "2026-10-02T20:00Z",
      ["2026-10-03T15:30", "2026-10-04T15:15", "2026-10-05T15:15"],
    ],
    // 02:30 comes twice: the first one is used.
    ["Europe/Berlin", "30 2 * * *", "2026-10-24T12:00Z", ["2026-10-25T00:30", "2026-10-26T01:30", "2026-10-27T01:30"]],
    [
      "America/New_York",
      "30 1 * * *",
      "2026-10-31T12:00Z",
      ["2026-11-01T05:30", "2026-11-02T06:30", "2026-11-03T06:30"],
    ],
    [
      "Australia/Lord_Howe",
      "45 1 * * *",
      "2027-04-03T12:00Z",
      ["2027-04-03T14:45", "2027-04-04T15:15", "2027-04-05T15:15"],
    ],
  ])("zone %s: the line %s comes once a day after %s", (zone, line, after, times) => {
    expect(nextTexts(line, zone, after)).toEqual(times);
  });
});

describe("several times a day, when the clocks change", () => {
  it("times in the skipped hour do not come", () => {
    expect(nextTexts("30 1-3 * * *", "Europe/Berlin", "2027-03-28T00:00Z")).toEqual([
      "2027-03-28T00:30",
      "2027-03-28T01:30",
      "2027-03-28T23:30",
    ]);
  });

  it("times in the repeated hour come twice", () => {
    expect(nextTexts("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", 5)).toEqual([
      "2026-10-25T00:00",
      "2026-10-25T00:30",
      "2026-10-25T01:00",
      "2026-10-25T01:30",
      "2026-10-26T01:00",
    ]);
  });
});

describe("lastTime", () => {
  const lastText = (after: string, until: string, line = "*/15 * * * *") => {
    const time = lastTime(line, "UTC", timeOf(after), timeOf(until));
    return time === undefined ? undefined : minutesOf([time])[0];
  };

  it("the last time is after one minute and not after another", () => {
    expect(lastText("2026-11-20T08:00Z", "2026-11-20T08:14Z")).toBeUndefined();
    expect(lastText("2026-11-20T08:00Z", "2026-11-20T08:15Z")).toBe("2026-11-20T08:15");
    expect(lastText("2026-11-20T08:00Z", "2026-11-20T11:59Z")).toBe("2026-11-20T11:45");
    expect(lastText("2026-11-20T08:14:59.999Z", "2026-11-20T08:15Z")).toBe("2026-11-20T08:15");
    expect(lastText("2026-11-20T08:15:00.001Z", "2026-11-20T08:16Z")).toBeUndefined();
  });

  it("lastTime equals the last of nextTimes in any zone, around every change of the clocks", () => {
    const random = prng(5);
    const pick = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)] as T;
    const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"];
    const lines = ["30 2 * * *", "15 2 * * *", "*/7 * * * *", "0 */3 * * *", "30 1-3 * * *", "45 1 * * *", "0 0 * * *"];
    const starts = [
      "2026-10-24T20:00Z",
      "2027-03-27T20:00Z",
      "2026-11-01T00:00Z",
      "2027-03-14T00:00Z",
      "2027-04-03T10:00Z",
      "2026-10-03T10:00Z",
    ];
    for (let n = 0; n < 300; n++) {
      const [line, zone] = [pick(lines), pick(zones)];
      const after = timeOf(pick(starts)) + Math.floor(random() * 600) * MINUTE;
      const until = after + Math.floor(random() * 400) * MINUTE;
      const between = nextTimes(line, zone, after, 80).filter((time) => time <= until);
      expect(lastTime(line, zone, after, until), `${line} in ${zone} from ${minutesOf([after])[0]}`).toBe(
        between.at(-1),
      );
    }
  });

  it("minute-by-minute calls of lastTime return each time of a day once", () => {
    for (const day of ["2026-10-24T22:00Z", "2027-03-27T22:00Z"])
      for (const line of ["30 2 * * *", "*/20 2 * * *", "*/15 * * * *"]) {
        const from = timeOf(day);
        const found: number[] = [];
        for (let minute = from + MINUTE; minute <= from + 600 * MINUTE; minute += MINUTE)
          found.push(
            ...[lastTime(line, "Europe/Berlin", minute - MINUTE, minute)].filter((time) => time !== undefined),
          );
        const all = nextTimes(line, "Europe/Berlin", from, 100).filter((time) => time <= from + 600 * MINUTE);
        expect(minutesOf(found)).toEqual(minutesOf(all));
      }
  });
});

it("localTime returns the date, time and weekday in a zone", () => {
  expect(localTime(timeOf("2026-11-20T23:30Z"), "Europe/Berlin")).toEqual({
    date: "2026-11-21",
    time: "00:30",
    weekday: "Saturday",
  });
  expect(localTime(timeOf("2026-11-20T00:00Z"), "America/New_York")).toEqual({
    date: "2026-11-19",
    time: "19:00",
    weekday: "Thursday",
  });
});
