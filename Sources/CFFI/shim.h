/* SPDX-License-Identifier: Apache-2.0
 * Swift 6 refuses libffi's mutable global types (`ffi_type_sint32` ...): their addresses come through these. */
#ifndef AGENTOS_CFFI_SHIM_H
#define AGENTOS_CFFI_SHIM_H
#include <ffi.h>
static inline ffi_type *aos_ffi_void(void) { return &ffi_type_void; }
static inline ffi_type *aos_ffi_sint32(void) { return &ffi_type_sint32; }
static inline ffi_type *aos_ffi_uint32(void) { return &ffi_type_uint32; }
static inline ffi_type *aos_ffi_sint64(void) { return &ffi_type_sint64; }
static inline ffi_type *aos_ffi_uint64(void) { return &ffi_type_uint64; }
static inline ffi_type *aos_ffi_pointer(void) { return &ffi_type_pointer; }
static inline int aos_ffi_prepare(ffi_cif *cif, unsigned count, ffi_type *result, ffi_type **arguments) {
  return ffi_prep_cif(cif, FFI_DEFAULT_ABI, count, result, arguments) == FFI_OK;
}
static inline void aos_ffi_call(ffi_cif *cif, void (*function)(void), void *result, void **arguments) {
  ffi_call(cif, FFI_FN(function), result, arguments);
}
#endif
