import { expect, test } from "vitest";
import { address, items, meaning, playlist } from "./watch";

const ID = "94c2fd8fb9bc8f2fc71a2cbe9d4b866f227a0209";
const ROOT = "http://host:8000/fleet/";

test("an id is understood in every form that people paste", () => {
  const id = { kind: "content_id", key: ID };
  for (const said of [
    ID,
    ID.toUpperCase(),
    `acestream://${ID}`,
    `ACESTREAM://${ID}/`,
    `ace://${ID}`,
    `ace://${ID}|User-Agent=x`,
    `acestream:?content_id=${ID}`,
    `  ${ID} `,
    `http://127.0.0.1:6878/ace/getstream?id=${ID}`,
    `http://127.0.0.1:6878/ace/manifest.m3u8?content_id=${ID}&pid=3`,
  ]) {
    expect(meaning(said), said).toEqual(id);
  }
  expect(meaning(`http://h/ace/getstream?infohash=${ID}`)).toEqual({ kind: "infohash", key: ID });
  expect(meaning(`acestream:?infohash=${ID}&pid=1#x`)).toEqual({ kind: "infohash", key: ID });
  expect(meaning("acestream:?magnet=magnet%3A%3Fxt%3Durn%3Abtih%3Aabc")).toEqual({ kind: "magnet", key: "magnet:?xt=urn:btih:abc" });
  expect(meaning("http://h/x.acelive")).toEqual({ kind: "url", key: "http://h/x.acelive" });
});

test("what cannot be played is not taken for something", () => {
  for (const said of ["", "hello", "javascript:alert(1)", "http://h/video.mp4", "http://[", ID.slice(1), `ace://${ID}0`, "acestream:?pid=1"]) {
    expect(meaning(said), said).toBeNull();
  }
});

test("a playlist keeps its names and attributes", () => {
  const text = `\ufeff#EXTM3U\r\n#EXTINF:-1 tvg-name="A, B" group-title="x",Canal, 1\r\nacestream://${ID}\r\nhttp://h/a.mp4\r\n`;
  const { items: found, left } = items(text);
  expect(left).toBe(1);
  expect(found).toHaveLength(1);
  expect(found[0]?.name).toBe("Canal, 1");
  expect(playlist(ROOT, found, "ts")).toBe(
    `#EXTM3U\n#EXTINF:-1 tvg-name="A, B" group-title="x",Canal, 1\n${ROOT}ace/getstream?id=${ID}\n`,
  );
});

test("a magnet link is escaped into the address", () => {
  const magnet = meaning("magnet:?xt=urn:btih:abc&dn=x y")!;
  expect(address(ROOT, magnet, "hls")).toBe(
    `${ROOT}ace/manifest.m3u8?magnet=magnet%3A%3Fxt%3Durn%3Abtih%3Aabc%26dn%3Dx%20y`,
  );
});
