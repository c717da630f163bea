// What the build puts in.

/** The program's version that this panel was built with. */
declare const __VERSION__: string;
