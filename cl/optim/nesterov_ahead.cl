#if LR_IN_BUFFER
w += beta * m;
#else
w -= lr * beta * m;
#endif
