/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a catalog: their texts and checksums. The rest is in catalog.h.
 */
#ifndef ENGINE_CATALOG_FILES_H
#define ENGINE_CATALOG_FILES_H

#include "engine/catalog.h"

enum { CATALOG_KEPT_BYTES = 4 * 1024 * 1024 }; /* of texts that need not be read again */

/* Read and hash all up files. Errors: as catalog_load, of the first file that has one. */
MUST_CHECK bool catalog_hash_all(struct catalog *catalog,
    const struct folder *folder,
    const struct meanwhile *meanwhile,
    struct error *err);

#endif
