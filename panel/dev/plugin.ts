// `npm run dev` without a server: a small world that is made up answers in its place.
import type { Plugin } from "vite";
import { Pretended } from "./pretended.ts";

export function pretend(): Plugin {
  return {
    name: "pretended-server",
    apply: "serve",
    configureServer(server) {
      if (server.config.mode === "test") return;
      const number = (name: string, usual: number) => Number(process.env[name] ?? usual);
      const size = { vpns: number("VPNS", 2), engines: number("ENGINES", 10), streams: number("STREAMS", 4) };
      const world = new Pretended(size);
      world.live();
      server.middlewares.use((request, response, next) => {
        if (!world.answer(request, response)) next();
      });
    },
  };
}
