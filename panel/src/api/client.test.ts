import { expect, test } from "vitest";
import { detail, rootOf } from "./client";

test("the server's root is found behind any path prefix", () => {
  for (const [page, root] of [
    ["http://host:8000/panel/", "http://host:8000/"],
    ["http://host/fleet/panel/#/engines", "http://host/fleet/"],
    ["https://host/a/b/panel/index.html?x=1", "https://host/a/b/"],
    ["http://host/api/v1/panel/", "http://host/"],
    ["http://host/", "http://host/"],
  ] as const) {
    expect(rootOf(page), page).toBe(root);
  }
});

test("a failure is told in the server's words, without the word for programs", () => {
  expect(detail('{"detail":"already_draining: it leaves already"}', 409)).toBe("it leaves already");
  expect(detail('{"detail":{"message":"no room","code":"max_capacity"}}', 503)).toBe("no room");
  expect(detail("<html>Bad gateway</html>", 502)).toBe("The server answered with 502.");
});
