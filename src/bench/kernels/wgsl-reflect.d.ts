/** wgsl_reflect types its main entry only; Node needs the module by its path. */
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
