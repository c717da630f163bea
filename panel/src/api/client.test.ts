import { expect, test } from "vitest";
import { detail, Failure, rootOf } from "./client";

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

test("the key is asked for by the server's words about it alone", () => {
  expect(new Failure(401, "missing bearer token")).toMatchObject({ wantsKey: true, keyWrong: false });
  expect(new Failure(403, "invalid token")).toMatchObject({ wantsKey: true, keyWrong: true });
  const others = "pages of other origins may change nothing, unless CORS_ORIGINS names theirs";
  for (const failure of [new Failure(403, others), new Failure(401, "The server answered with 401."), new Failure(0, "")]) {
    expect(failure.wantsKey, failure.message).toBe(false);
  }
});
