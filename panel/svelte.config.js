/** Warnings of the compiler, those about accessibility among them, are errors of `npm run check`. */
export default { compilerOptions: { runes: true } };
