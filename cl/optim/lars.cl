#if SETUP
trust = w_norm > 0 && u_norm > 0 ? coefficient * w_norm / (u_norm + coupled * w_norm + eps) : 1;
#else
u = g - coupled * w; // the loss's gradient: the frame has added the decay
m = beta * m + lr * trust * g;
w -= m;
#endif
