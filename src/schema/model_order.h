/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which the objects of a model can be created, by what they need. */
#ifndef SCHEMA_MODEL_ORDER_H
#define SCHEMA_MODEL_ORDER_H

#include "schema/model.h"

/* Fill in `order` and `positions`. */
void model_find_order(struct model *model);

#endif
