w -= lr * sign(m * beta1 + g * new1);
m = m * beta2 + g * new2;
