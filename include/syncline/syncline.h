/* Syncline: a portable training engine for deep networks. This header takes all but opencl.h. */
#ifndef SYNCLINE_SYNCLINE_H
#define SYNCLINE_SYNCLINE_H

#include <syncline/base.h>
#include <syncline/context.h>
#include <syncline/data.h>
#include <syncline/init.h>
#include <syncline/net.h>
#include <syncline/optim.h>
#include <syncline/plan.h>
#include <syncline/schedule.h>
#include <syncline/state.h>
#include <syncline/train.h>

#endif
