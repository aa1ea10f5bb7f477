/**
 * Classes of the global scope that the package's declarations name. `build/declarations.mjs` puts those that are used
 * into the declarations, so that these also work in programs without the DOM library or `@webgpu/types`.
 */

/** A global class; where the program does not declare it, what tells its instances from other values. */
type GlobalOr<Name extends string, Else> = typeof globalThis extends Record<Name, { prototype: infer T }> ? T : Else;
type AbortSignal = GlobalOr<'AbortSignal', { readonly aborted: boolean; throwIfAborted(): void }>;
type Blob = GlobalOr<'Blob', { readonly size: number; arrayBuffer(): Promise<ArrayBuffer> }>;
type URL = GlobalOr<'URL', { readonly href: string; readonly origin: string }>;
type ImageData = GlobalOr<'ImageData', { readonly data: Uint8ClampedArray; width: number; height: number }>;
type ImageBitmap = GlobalOr<'ImageBitmap', { readonly width: number; readonly height: number; close(): void }>;
type HTMLImageElement = GlobalOr<'HTMLImageElement', { readonly naturalWidth: number; readonly naturalHeight: number }>;
type HTMLCanvasElement = GlobalOr<'HTMLCanvasElement', { width: number; height: number; toDataURL(): string }>;
type HTMLVideoElement = GlobalOr<'HTMLVideoElement', { readonly videoWidth: number; readonly videoHeight: number }>;
type OffscreenCanvas = GlobalOr<'OffscreenCanvas', { width: number; height: number; transferToImageBitmap(): object }>;
type VideoFrame = GlobalOr<'VideoFrame', { readonly displayWidth: number; readonly timestamp: number; close(): void }>;
type GPU = GlobalOr<'GPU', { requestAdapter(): Promise<object | null> }>;
type GPUDevice = GlobalOr<'GPUDevice', { readonly limits: object; readonly queue: object; destroy(): void }>;
type GPUBuffer = GlobalOr<'GPUBuffer', { readonly size: number; readonly usage: number; destroy(): void }>;
type GPUTexture = GlobalOr<'GPUTexture', { readonly format: string; createView(): object; destroy(): void }>;
