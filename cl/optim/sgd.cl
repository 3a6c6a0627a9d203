w -= lr * g;
