/**
 * What is made of a part of the configuration, made once: a snapshot of an environment is one object in an isolate for as long as
 * its version holds (workers/config.ts), and so are its parts. What nobody refers to any more is forgotten with it.
 */
export function compiledOnce<From extends object, To>(compile: (from: From) => To): (from: From) => To {
  const known = new WeakMap<From, To>();
  return (from) => {
    let compiled = known.get(from);
    if (compiled === undefined) {
      compiled = compile(from);
      known.set(from, compiled);
    }
    return compiled;
  };
}
