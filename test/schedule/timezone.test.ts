import { describe, expect, it } from "vitest";
import { similarZones, canonicalZone } from "../../src/schedule/timezone.ts";

describe("a timezone", () => {
  it.each([
    ["Europe/Berlin", "Europe/Berlin"],
    ["europe/berlin", "Europe/Berlin"],
    ["UTC", "UTC"],
    ["Asia/Kolkata", "Asia/Kolkata"],
    ["Asia/Calcutta", "Asia/Calcutta"],
    ["US/Eastern", "US/Eastern"],
  ])("canonicalZone of %s is %s", (name, zone) => {
    expect(canonicalZone(name)).toBe(zone);
  });

  it.each(["Europe/Berln", "+02:00", "Mars/Olympus", "", "Berlin"])("canonicalZone rejects %j", (name) => {
    expect(canonicalZone(name)).toBeUndefined();
  });

  it.each([
    ["Europe/Berln", "Europe/Berlin"],
    ["Berlin", "Europe/Berlin"],
    ["new york", "America/New_York"],
    ["America/NewYork", "America/New_York"],
    ["Asia/Berlin", "Europe/Berlin"],
    ["Europ/Paris", "Europe/Paris"],
  ])("similarZones suggests for %s first %s", (name, zone) => {
    const near = similarZones(name);
    expect(near[0]).toBe(zone);
    expect(near.length).toBeLessThanOrEqual(3);
  });

  it.each(["Mars/Olympus_Mons", "Mars/Base", "x", ""])("similarZones suggests nothing for %j", (name) => {
    expect(similarZones(name)).toEqual([]);
  });
});
